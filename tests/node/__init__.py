"""The product on a real node: its image, run by kubelet and containerd as pods (`make test-node`)."""
