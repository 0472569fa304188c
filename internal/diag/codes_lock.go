package diag

var lockCodes = []Info{}
