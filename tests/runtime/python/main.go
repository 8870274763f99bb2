// Unpacks the Python of Lambda's newest runtime, which few machines have, and prints the path of its executable.
package main

import (
	"fmt"
	"os"

	"github.com/kluctl/go-embed-python/python"
)

func main() {
	embedded, err := python.NewEmbeddedPythonWithTmpDir(os.Args[1], true)
	if err == nil {
		var executable string
		if executable, err = embedded.GetExePath(); err == nil {
			fmt.Println(executable)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
