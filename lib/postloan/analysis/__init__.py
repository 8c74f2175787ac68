"""What the figures say: frames in, frames out, no disk, no database."""
