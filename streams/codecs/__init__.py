"""Pure native codecs: a device model's payload bytes to named values."""
