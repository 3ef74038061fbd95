"""Is the installation itself well?  What is looked at (`looking`), and what is made of it (`judging`)."""
