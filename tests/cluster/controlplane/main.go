// Command controlplane is one binary that is several programs: etcd, kube-apiserver,
// kube-controller-manager and kubectl, and on Linux those of a node (node_linux.go).
// The demo and the system tests run on it.
//
// The program is chosen by the name it is called under (a symbolic link, as with
// busybox) or else by its first argument.  Linking them together costs one build
// and 160 MB instead of as many times either.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// programs maps each name to its entry point; each reads os.Args itself.
var programs = map[string]func() int{
	"etcd": func() int {
		etcdmain.Main(os.Args)
		return 0
	},
	"kube-apiserver": func() int {
		return cli.Run(apiserver.NewAPIServerCommand())
	},
	"kube-controller-manager": func() int {
		return cli.Run(controllermanager.NewControllerManagerCommand())
	},
	"kubectl": func() int {
		return cli.Run(kubectl.NewDefaultKubectlCommand())
	},
}

func main() {
	if run, ok := programs[filepath.Base(os.Args[0])]; ok {
		os.Exit(run())
	}
	if len(os.Args) > 1 {
		if run, ok := programs[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			os.Exit(run())
		}
	}
	fmt.Fprintln(os.Stderr, "controlplane: call it as one of", strings.Join(slices.Sorted(maps.Keys(programs)), ", ")+
		", by a symbolic link of that name or by the first argument")
	os.Exit(2)
}
