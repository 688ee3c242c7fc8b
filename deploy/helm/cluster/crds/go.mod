// The resources of others' that the chart makes, made of their own types: PodMonitor and ScaledObject.
module crds

go 1.26.0

require (
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring v0.95.2
)

tool sigs.k8s.io/controller-tools/cmd/controller-gen

require sigs.k8s.io/controller-tools v0.23.0
