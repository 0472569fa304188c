// Package chain goes the whole way with nothing but what users have: a recipe is built twice, signed and pushed; a pod with the image is
// admitted, the node pulls it and starts it. Then one byte is other than what was built, and each of the three gates says no.
package chain
