"""The recipe: one small file for each DVC stage. Only this package knows DVC and MLflow."""
