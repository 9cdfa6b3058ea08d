"""Every block of the course beside the fastest kept library: `python3 course.py bench`."""
