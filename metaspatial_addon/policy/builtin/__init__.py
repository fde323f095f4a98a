"""The embedded model: a small vision-language model that runs on numpy alone."""
