package main

import (
	networking "k8s.io/api/networking/v1"
	"k8s.io/client-go/tools/cache"
)

// splitInformer shows a policy for both directions as two, one for each, which means the same.
//
// kube-router puts both directions of a policy into one chain and has the packets of both pass through it: a packet
// from one selected pod to another counts as allowed to go out where the policy allows it to come in.
type splitInformer struct {
	cache.SharedIndexInformer
}

func (s splitInformer) GetIndexer() cache.Indexer {
	return splitIndexer{s.SharedIndexInformer.GetIndexer()}
}

type splitIndexer struct {
	cache.Indexer
}

// List is all that kube-router asks it for.
func (s splitIndexer) List() []any {
	var shown []any
	for _, one := range s.Indexer.List() {
		policy := one.(*networking.NetworkPolicy)
		if len(policy.Spec.PolicyTypes) < 2 {
			shown = append(shown, policy)
			continue
		}
		in, out := policy.DeepCopy(), policy.DeepCopy()
		in.Name += ".in"
		in.Spec.PolicyTypes = []networking.PolicyType{networking.PolicyTypeIngress}
		in.Spec.Egress = nil
		out.Name += ".out"
		out.Spec.PolicyTypes = []networking.PolicyType{networking.PolicyTypeEgress}
		out.Spec.Ingress = nil
		shown = append(shown, in, out)
	}
	return shown
}
