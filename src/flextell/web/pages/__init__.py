"""The pages for people, one file each. Each does its one job and returns to /oauth/authorize."""
