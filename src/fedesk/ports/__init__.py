"""The Protocols the services need from the outside, and the errors that come through them."""
