"""The live page and its HTTP API: a queue of videos, each tracked while people watch."""
