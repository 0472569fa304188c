package diag

var buildCodes = []Info{}
