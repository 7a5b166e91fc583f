"""Any generators and image sets, measured against the same real images: is the other model better?"""
