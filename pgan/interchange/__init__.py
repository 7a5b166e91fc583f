"""Networks from elsewhere: the official code's pickles."""
