{{/*
Most of these take a program: `root`, the chart's own context; `name` ("agent", "sink-s3", "sink-salesforce", "web"); `component`, where a
pod is another than the one that runs all the time ("sink-s3-setup"); `values`, its part of the values; and, for its environment, what
the chart itself decides: `settings` and `secretFiles`.
*/}}

{{/* The release's name with the chart's, short enough for the names that are made of it. */}}
{{- define "postcall.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) -}}{{- $name = printf "%s-%s" $name .Chart.Name -}}{{- end -}}
{{- trunc 36 $name | trimSuffix "-" -}}
{{- end -}}

{{/* What makes its pods its own, and all the labels that they have: a version among them would replace the pods with each version of the
chart. A Deployment refuses another selector. */}}
{{- define "postcall.selector" -}}
app.kubernetes.io/name: postcall
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component | default .name }}
{{- end -}}

{{- define "postcall.labels" -}}
{{ include "postcall.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "postcall.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}postcall-{{ .name }}
{{- with get $image.digests .name }}@{{ . }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* LiveKit and NATS as all programs know them that need them: settings, and files from Secrets. */}}
{{- define "postcall.livekit" -}}
LIVEKIT_URL: {{ required "livekit.url is not set: the address of livekit-server" .Values.livekit.url | quote }}
AGENT_NAME: {{ .Values.livekit.agentName | quote }}
{{- range $name, $value := .Values.livekit.settings }}
{{ $name }}: {{ include "postcall.text" $value }}
{{- end }}
{{- end -}}

{{- define "postcall.livekitFiles" -}}
LIVEKIT_API_KEY_FILE: {secret: {{ .Values.livekit.secret.name }}, key: {{ .Values.livekit.secret.apiKey }}}
LIVEKIT_API_SECRET_FILE: {secret: {{ .Values.livekit.secret.name }}, key: {{ .Values.livekit.secret.apiSecret }}}
{{- end -}}

{{- define "postcall.nats" -}}
NATS_URL: {{ .Values.nats.url | quote }}
{{- range $name, $value := .Values.nats.settings }}
{{ $name }}: {{ include "postcall.text" $value }}
{{- end }}
{{- end -}}

{{- define "postcall.natsFiles" -}}
{{- with .Values.nats.ca -}}
NATS_CA_FILE: {{ toJson . }}
{{- end -}}
{{- end -}}

{{/* A setting's text: numbers as they were written, not 1e+06; an object as JSON. */}}
{{- define "postcall.text" -}}
{{- if kindIs "string" . }}{{ . | quote }}{{ else }}{{ toJson . | quote }}{{ end -}}
{{- end -}}

{{/* What a program reads at its start: settings, of which the chart's own win, and where its files are. */}}
{{- define "postcall.environment" -}}
{{- range $name, $value := merge (dict) .settings .values.settings }}
- name: {{ $name }}
  value: {{ include "postcall.text" $value }}
{{- end }}
{{- range $name, $_ := .values.files }}
- name: {{ $name }}
  value: /etc/postcall/{{ $name }}
{{- end }}
{{- range $name, $_ := .secretFiles }}
- name: {{ $name }}
  value: /run/secrets/postcall/{{ $name }}
{{- end }}
{{- with .root.Values.traces }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
{{- range $name, $value := .settings }}
- name: {{ $name }}
  value: {{ include "postcall.text" $value }}
{{- end }}
{{- with .headers }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}
{{- end }}
{{- end }}
{{- end }}
- name: LOG_FORMAT
  value: {{ .root.Values.log.format }}
{{- with .root.Values.log.filter }}
- name: RUST_LOG
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Of sink-s3's settings those of the bucket, which its other commands have as well. */}}
{{- define "postcall.bucket" -}}
{{- range $name, $value := .Values.sinkS3.settings }}
{{- if regexMatch "^(S3|AWS)_" $name }}
{{ $name }}: {{ include "postcall.text" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "postcall.mounts" -}}
{{- if .values.files }}
- {name: files, mountPath: /etc/postcall, readOnly: true}
{{- end }}
{{- if .secretFiles }}
- {name: secrets, mountPath: /run/secrets/postcall, readOnly: true}
{{- end }}
{{- with .values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Whole folders and no subPath, so that a renewed Secret reaches a program that runs. */}}
{{- define "postcall.volumes" -}}
{{- if .values.files }}
- name: files
  configMap: {name: {{ include "postcall.fullname" .root }}-{{ .name }}}
{{- end }}
{{- with .secretFiles }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $from := . }}
      {{- if $from.configMap }}
      - configMap: {name: {{ $from.configMap }}, items: [{key: {{ $from.key }}, path: {{ $name }}}]}
      {{- else }}
      - secret: {name: {{ $from.secret }}, items: [{key: {{ $from.key }}, path: {{ $name }}}]}
      {{- end }}
      {{- end }}
{{- end }}
{{- with .values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The files of a program that stand in the values. A change of them rolls its pods, by the annotation of "postcall.annotations". */}}
{{- define "postcall.files" -}}
{{- if .values.files }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "postcall.fullname" .root }}-{{ .name }}
  labels:
    {{- include "postcall.labels" . | nindent 4 }}
data:
  {{- range $name, $text := merge (dict) .values.files (.values.assets | default dict) }}
  {{ $name }}: {{ $text | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "postcall.annotations" -}}
{{- if .values.files }}
checksum/files: {{ list .values.files .values.assets | toJson | sha256sum }}
{{- end }}
{{- with .values.pod.annotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A pod that the standard `restricted` admits. None talks to Kubernetes, so none has a token for it. */}}
{{- define "postcall.pod" -}}
serviceAccountName: {{ include "postcall.fullname" .root }}-{{ .account | default (.component | default .name) }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .values.pod }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "postcall.spread" -}}
topologySpreadConstraints:
  {{- range .root.Values.spread.topologyKeys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.root.Values.spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "postcall.selector" $ | nindent 8 }}
    {{- if $.revisions }}
    matchLabelKeys: [{{ $.revisions }}]
    {{- end }}
  {{- end }}
{{- end -}}

{{- define "postcall.container" -}}
image: {{ include "postcall.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* A program that lives is not restarted, whatever else is away: only /healthz, which asks nobody, may do that. /readyz says whether
it works, which holds a roll-out that makes things worse. */}}
{{- define "postcall.probes" -}}
livenessProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: operations}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* One at a time. A pod that works not at all keeps no node from being drained. */}}
{{- define "postcall.disruptionBudget" -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "postcall.fullname" .root }}-{{ .name }}
  labels:
    {{- include "postcall.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "postcall.selector" . | nindent 6 }}
{{- end -}}

{{- define "postcall.serviceAccount" -}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "postcall.fullname" .root }}-{{ .component | default .name }}
  labels:
    {{- include "postcall.labels" . | nindent 4 }}
  annotations: {{ merge (dict) (.hook | default dict) .values.serviceAccount.annotations | toJson }}
automountServiceAccountToken: false
{{- end -}}

{{/* A sink as JetStream has more for it to do than it does. */}}
{{- define "postcall.scaledByLag" -}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "postcall.fullname" .root }}-{{ .name }}
  labels:
    {{- include "postcall.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ include "postcall.fullname" .root }}-{{ .name }}
  minReplicaCount: {{ .values.keda.minReplicas }}
  maxReplicaCount: {{ .values.keda.maxReplicas }}
  triggers:
    - type: nats-jetstream
      metadata:
        natsServerMonitoringEndpoint: {{ required "nats.monitoring is not set: host and port where KEDA asks NATS, such as nats-headless.nats:8222" .root.Values.nats.monitoring | quote }}
        account: {{ .root.Values.nats.account | quote }}
        stream: SESSIONS
        consumer: {{ .name }}
        lagThreshold: {{ .values.keda.lag | quote }}
{{- end -}}

{{/* The port of an address, with the one that its scheme has by itself. */}}
{{- define "postcall.port" -}}
{{- $url := urlParse . -}}
{{- $own := dict "nats" "4222" "tls" "4222" "ws" "80" "http" "80" "wss" "443" "https" "443" -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (get $own $url.scheme) -}}
{{- end -}}

{{/* A command of a program that ends by itself, as the pod of a Job. */}}
{{- define "postcall.commandPod" -}}
metadata:
  labels:
    {{- include "postcall.selector" . | nindent 4 }}
    {{- with .values.pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .values.pod.annotations }}
  annotations: {{ toJson . }}
  {{- end }}
spec:
  {{- include "postcall.pod" . | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: {{ .component }}
      {{- include "postcall.container" . | nindent 6 }}
      args: {{ toJson .arguments }}
      env:
        {{- include "postcall.environment" . | trim | nindent 8 }}
      resources: {{ toJson .values.resources }}
      {{- $mounts := include "postcall.mounts" . | trim }}
      {{- if or .claim $mounts }}
      volumeMounts:
        {{- if .claim }}
        - {name: spool, mountPath: /var/lib/postcall}
        {{- end }}
        {{- with $mounts }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- $volumes := include "postcall.volumes" . | trim }}
  {{- if or .claim $volumes }}
  volumes:
    {{- with .claim }}
    - name: spool
      persistentVolumeClaim: {claimName: {{ . }}}
    {{- end }}
    {{- with $volumes }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}
