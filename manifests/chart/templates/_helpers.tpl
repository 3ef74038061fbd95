{{/* The namespace of the installation. */}}
{{- define "certshim.namespace" -}}
{{ .Values.namespace | default .Release.Namespace }}
{{- end -}}

{{/*
Labels of an object: (list $ component), or (list $ component MORE).  What tells the objects apart is ours to say; of the
rest, the object's own outweigh those of all.
*/}}
{{- define "certshim.labels" -}}
{{- $root := index . 0 -}}
{{- $more := ternary (last .) dict (gt (len .) 2) | default dict -}}
{{- $more = omit (merge (dict) $more ($root.Values.global.commonLabels | default dict)) "app.kubernetes.io/name" "app.kubernetes.io/component" -}}
app.kubernetes.io/name: certshim
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- if ne $root.Values.creator "static" }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- $more = omit $more "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{- end }}
{{- with $more }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What tells the pods of a component: (list $ component).  Never changes, since a Deployment's cannot. */}}
{{- define "certshim.selector" -}}
app.kubernetes.io/name: certshim
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "certshim.serviceAccount.shim" -}}
{{ .Values.serviceAccount.name | default (ternary "certshim-shim" "default" .Values.serviceAccount.create) }}
{{- end -}}

{{- define "certshim.serviceAccount.webhook" -}}
{{ .Values.webhook.serviceAccount.name | default (ternary "certshim-webhook" "default" .Values.webhook.serviceAccount.create) }}
{{- end -}}

{{/* An image: (list $ values), values that are empty being those of `image`. */}}
{{- define "certshim.image" -}}
{{- $root := index . 0 -}}
{{- $own := index . 1 | default dict -}}
{{- $all := $root.Values.image -}}
{{- $registry := $root.Values.imageRegistry -}}
{{- $repository := $own.repository | default (ternary $all.repository "" (empty $own.name)) -}}
{{- if not $repository -}}
{{- $repository = list $registry $root.Values.imageNamespace ($own.name | default $all.name) | compact | join "/" -}}
{{- end -}}
{{- if regexMatch "cert-manager-(acmesolver|cainjector|controller|ctl|startupapicheck|webhook)$" $repository }}
{{- fail (printf "the image %s is cert-manager's: name one of certshim in image.repository (or imageRegistry, imageNamespace and image.name), and leave those of the parts out (webhook.image, acmesolver.image, startupapicheck.image)" $repository) }}
{{- end -}}
{{- $digest := $own.digest | default (ternary $all.digest "" (and (empty $own.repository) (empty $own.tag))) -}}
{{- $tag := $own.tag | default $all.tag | default $root.Chart.AppVersion -}}
{{- if $digest -}}
{{ $repository }}@{{ $digest }}
{{- else -}}
{{ $repository }}:{{ $tag }}
{{- end -}}
{{- end -}}

{{/* --log-level for the -v of cert-manager. */}}
{{- define "certshim.logLevel" -}}
{{- $v := int .Values.global.logLevel -}}
{{- if ge $v 4 }}debug{{ else if ge $v 2 }}info{{ else }}warning{{ end -}}
{{- end -}}

{{/* Where the API server calls: (dict "root" $ "service" NAME "path" PATH). */}}
{{- define "certshim.clientConfig" -}}
{{- with .root.Values.webhook.url.host }}
url: {{ printf "https://%s%s" . $.path }}
{{- else }}
service:
  name: {{ .service }}
  namespace: {{ include "certshim.namespace" .root }}
  path: {{ .path }}
{{- end }}
{{- end -}}

{{/* The name under which the API server knows the shim's ServiceAccount. */}}
{{- define "certshim.shimUser" -}}
system:serviceaccount:{{ include "certshim.namespace" . }}:{{ include "certshim.serviceAccount.shim" . }}
{{- end -}}

{{/* The Secret with the file of --notifications; nothing where nobody is notified. */}}
{{- define "certshim.notifications" -}}
{{- $own := .Values.notifications -}}
{{- if and $own.settings $own.existingSecret }}
{{- fail "notifications: give either settings or existingSecret" }}
{{- end -}}
{{ $own.existingSecret | default (ternary "certshim-notification-settings" "" (not (empty $own.settings))) }}
{{- end -}}

{{/* Annotations of what Helm makes after the rest, and anew each time: (dict "weight" NUMBER "own" ANNOTATIONS). */}}
{{- define "certshim.hook" -}}
{{- $hook := dict
    "helm.sh/hook" "post-install,post-upgrade"
    "helm.sh/hook-weight" (printf "%v" .weight)
    "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- toYaml (merge (dict) (.own | default dict) $hook) -}}
{{- end -}}
