"""Messages that come as protocol buffers: generated from the `.proto` files beside; never edited."""
