"""`pgan new`: looks at a source of images, decides every parameter with a reason, and writes params.yaml."""
