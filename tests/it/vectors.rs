//! Known-answer vectors, through the engine code the screen uses.
