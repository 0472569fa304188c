package diag

var evidenceCodes = []Info{}
