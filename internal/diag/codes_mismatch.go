package diag

var mismatchCodes = []Info{}
