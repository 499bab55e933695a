"""The Qt window: turns gestures into commands of the state floor."""
