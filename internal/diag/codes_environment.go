package diag

var environmentCodes = []Info{}
