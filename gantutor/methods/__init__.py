"""The three papers, same-shaped, equation numbers beside the lines: adaptivemix, advlat, kdd."""
