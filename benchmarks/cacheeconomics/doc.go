// Cacheeconomics measures in virtual time what policies for context caches cost.
package main

func main() {}
