package main

import (
	"context"

	"k8s.io/component-base/cli"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// What makes a real node of this machine, for the tests that run pods; Linux alone can be one.
func init() {
	programs["kubelet"] = func() int {
		return cli.Run(kubelet.NewKubeletCommand(context.Background()))
	}
	programs["kube-proxy"] = func() int {
		return cli.Run(proxy.NewProxyCommand())
	}
	programs["kube-scheduler"] = func() int {
		return cli.Run(scheduler.NewSchedulerCommand())
	}
}
