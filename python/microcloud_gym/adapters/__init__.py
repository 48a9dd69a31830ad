"""The environments as other libraries want them, one module for each library, which it imports when it is imported itself."""
