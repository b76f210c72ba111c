{{- define "analysis-worker.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "analysis-worker.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "analysis-worker.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "analysis-worker.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: media-analysis
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "analysis-worker.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "analysis-worker.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "analysis-worker.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- /* A setting as the text of its variable. Helm reads numbers from files as floats, which print as 1.073741824e+10. */ -}}
{{- define "analysis-worker.text" -}}
{{- if or (kindIs "map" .) (kindIs "slice" .) -}}
{{- if . }}{{ toJson . }}{{ end -}}
{{- else if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else if not (kindIs "invalid" .) -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{- /* Seconds from SIGTERM to SIGKILL: the drain, rounded up, and its margin. */ -}}
{{- define "analysis-worker.graceSeconds" -}}
{{- add (ceil .Values.settings.WORKER_DRAIN_SECONDS | int64) (int64 .Values.terminationMarginSeconds) -}}
{{- end -}}

{{- /* Port of a URL, 443 or 80 when it names none. */ -}}
{{- define "analysis-worker.port" -}}
{{- $url := urlParse . -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}
