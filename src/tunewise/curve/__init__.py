"""The learning curve: what more labelled rows would buy, and what wrong labels cost."""
