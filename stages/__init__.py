"""The recipe: one small file per DVC stage. Only this package knows DVC and MLflow."""
