// Package filelock keeps two programs from using the same files: the second one is refused, and a lock ends with the program
// that has it, however that ends.
package filelock
