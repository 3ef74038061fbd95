{{/*
A Deployment: (dict "root" $ "own" VALUES "component" NAME "args" LIST "serviceAccount" NAME "ports" YAML "probes" YAML
"strategy" VALUES "env" LIST).  Pods are not root, write nothing but /tmp, and keep that in memory: keys must not reach a disk.
*/}}
{{- define "certshim.deployment" -}}
{{- $root := .root -}}
{{- $own := .own -}}
{{- $component := .component -}}
{{- $global := $root.Values.global -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: certshim-{{ $component }}
  namespace: {{ include "certshim.namespace" $root }}
  labels:
    {{- include "certshim.labels" (list $root $component) | nindent 4 }}
  {{- with $own.deploymentAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  replicas: {{ $own.replicaCount }}
  {{- if not (kindIs "invalid" $global.revisionHistoryLimit) }}
  revisionHistoryLimit: {{ $global.revisionHistoryLimit }}
  {{- end }}
  strategy:
    {{- toYaml ($own.strategy | default .strategy) | nindent 4 }}
  selector:
    matchLabels:
      {{- include "certshim.selector" (list $root $component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "certshim.labels" (list $root $component $own.podLabels) | nindent 8 }}
      {{- $prometheus := $root.Values.prometheus }}
      {{- $scraped := and (ne $component "ui") $prometheus.enabled (not $prometheus.servicemonitor.enabled) (not $prometheus.podmonitor.enabled) }}
      {{- $checksum := and (eq $component "webhook") $root.Values.admission.settings }}
      {{- $notifications := and (eq $component "shim") (include "certshim.notifications" $root) }}
      {{- $notified := and $notifications $root.Values.notifications.settings }}
      {{- if or $scraped $checksum $notified $own.podAnnotations }}
      annotations:
        {{- if $scraped }}
        {{- range list "scrape true" "path /metrics" "port 9402" }}
        {{- $word := splitList " " . }}
        {{- $key := printf "prometheus.io/%s" (first $word) }}
        {{- if not (hasKey ($own.podAnnotations | default dict) $key) }}
        {{ $key }}: {{ last $word | quote }}
        {{- end }}
        {{- end }}
        {{- end }}
        {{- with $checksum }}
        checksum/admission-settings: {{ toYaml . | sha256sum }}
        {{- end }}
        {{- with $notified }}
        checksum/notifications: {{ toYaml . | sha256sum }}
        {{- end }}
        {{- with $own.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    spec:
      serviceAccountName: {{ .serviceAccount }}
      {{- if not (kindIs "invalid" $own.automountServiceAccountToken) }}
      automountServiceAccountToken: {{ $own.automountServiceAccountToken }}
      {{- end }}
      enableServiceLinks: {{ $own.enableServiceLinks | default false }}
      {{- with $global.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $global.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $own.runtimeClassName | default $global.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- if not (kindIs "invalid" $global.hostUsers) }}
      hostUsers: {{ $global.hostUsers }}
      {{- end }}
      {{- if $own.hostNetwork }}
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      {{- else }}
      {{- with $own.podDnsPolicy }}
      dnsPolicy: {{ . }}
      {{- end }}
      {{- end }}
      {{- with $own.podDnsConfig }}
      dnsConfig:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.hostAliases }}
      hostAliases:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with merge (dict) ($own.nodeSelector | default dict) ($global.nodeSelector | default dict) }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- with $own.topologySpreadConstraints }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        - topologyKey: kubernetes.io/hostname
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "certshim.selector" (list $root $component) | nindent 14 }}
        {{- end }}
      {{- with $own.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ $component }}
          image: {{ include "certshim.image" (list $root $own.image) | quote }}
          imagePullPolicy: {{ ($own.image | default dict).pullPolicy | default $root.Values.image.pullPolicy }}
          command: [certshim, {{ $component }}]
          args:
            {{- range concat .args $own.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          env:
            - name: POD_NAME
              valueFrom: { fieldRef: { fieldPath: metadata.name } }
            - name: POD_NAMESPACE
              valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
            - name: POD_IP
              valueFrom: { fieldRef: { fieldPath: status.podIP } }
            {{- range $name, $value := .env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
            {{- with $own.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- .ports | nindent 12 }}
          {{- trim .probes | nindent 10 }}
          resources:
            {{- toYaml $own.resources | nindent 12 }}
          {{- with $own.containerSecurityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- if $checksum }}
            - name: admission-settings
              mountPath: /etc/certshim
              readOnly: true
            {{- end }}
            {{- if $notifications }}
            - name: notifications
              mountPath: /etc/certshim
              readOnly: true
            {{- end }}
            {{- with $own.volumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
        {{- with $own.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        - name: tmp
          emptyDir:
            medium: Memory
            sizeLimit: 16Mi
        {{- if $checksum }}
        - name: admission-settings
          configMap:
            name: certshim-admission
        {{- end }}
        {{- with $notifications }}
        - name: notifications
          secret:
            secretName: {{ . }}
            items: [{ key: notifications.yaml, path: notifications.yaml }]
        {{- end }}
        {{- with $own.volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end -}}

{{/* A PodDisruptionBudget, where there is more than one pod to keep: (dict "root" $ "own" VALUES "component" NAME). */}}
{{- define "certshim.podDisruptionBudget" -}}
{{- if and .own.podDisruptionBudget.enabled (gt (int .own.replicaCount) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: certshim-{{ .component }}
  namespace: {{ include "certshim.namespace" .root }}
  labels:
    {{- include "certshim.labels" (list .root .component) | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" .own.podDisruptionBudget.maxUnavailable) }}
  maxUnavailable: {{ .own.podDisruptionBudget.maxUnavailable }}
  {{- else }}
  minAvailable: {{ .own.podDisruptionBudget.minAvailable | default 1 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "certshim.selector" (list .root .component) | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* A probe: (dict "name" NAME "path" PATH "own" VALUES); nothing where `enabled` is false. */}}
{{- define "certshim.probe" -}}
{{- if dig "enabled" true .own }}
{{ .name }}:
  httpGet: { path: {{ .path }}, port: http-healthz }
  {{- toYaml (omit .own "enabled") | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A ServiceAccount: (dict "root" $ "own" VALUES "component" NAME "name" NAME). */}}
{{- define "certshim.serviceAccountObject" -}}
{{- if .own.serviceAccount.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ include "certshim.namespace" .root }}
  labels:
    {{- include "certshim.labels" (list .root .component .own.serviceAccount.labels) | nindent 4 }}
  {{- with .own.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- if not (kindIs "invalid" .own.serviceAccount.automountServiceAccountToken) }}
automountServiceAccountToken: {{ .own.serviceAccount.automountServiceAccountToken }}
{{- end }}
{{- end -}}
{{- end -}}
