package diag

var recipeCodes = []Info{}
