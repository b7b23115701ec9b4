"""What Watchword promises, checked; vendors are faked at the outermost seam and signatures are never switched off."""
