{{- /* Everything that no single value can say by itself; all faults at once, each with its remedy. */ -}}
{{- define "analysis-worker.checks" -}}
{{- $faults := list -}}
{{- $settings := .Values.settings -}}
{{- $sasl := hasPrefix "SASL_" $settings.KAFKA_SECURITY_PROTOCOL -}}
{{- $tls := .Values.files.kafkaTls -}}
{{- if not .Values.image.repository -}}
{{- $faults = append $faults "image.repository is empty: name the repository that you pushed the image to" -}}
{{- end -}}
{{- range list "KAFKA_BOOTSTRAP_SERVERS" "S3_ENDPOINT" "S3_RESULTS_BUCKET" -}}
{{- if not (get $settings .) -}}
{{- $faults = append $faults (printf "settings.%s is empty: the worker cannot start without it" .) -}}
{{- end -}}
{{- end -}}
{{- $needed := list "S3_ACCESS_KEY" "S3_SECRET_KEY" -}}
{{- if $sasl }}{{ $needed = concat $needed (list "KAFKA_SASL_USERNAME" "KAFKA_SASL_PASSWORD") }}{{ end -}}
{{- range $needed -}}
{{- if not (get $.Values.secrets .).name -}}
{{- $faults = append $faults (printf "secrets.%s.name is empty: name the existing Secret that holds it" .) -}}
{{- end -}}
{{- end -}}
{{- if and $tls.secretName (not (hasSuffix "SSL" $settings.KAFKA_SECURITY_PROTOCOL)) -}}
{{- $faults = append $faults (printf "files.kafkaTls.secretName is set but settings.KAFKA_SECURITY_PROTOCOL is %s: use SSL or SASL_SSL" $settings.KAFKA_SECURITY_PROTOCOL) -}}
{{- end -}}
{{- if and $tls.secretName (not $tls.caKey) (not $tls.certificateKey) -}}
{{- $faults = append $faults "files.kafkaTls.secretName is set but caKey and certificateKey are empty: name what the worker is to take from it" -}}
{{- end -}}
{{- if ne (empty $tls.certificateKey) (empty $tls.keyKey) -}}
{{- $faults = append $faults "files.kafkaTls has only one of certificateKey and keyKey: a client certificate needs both" -}}
{{- end -}}
{{- if .Values.keda.enabled -}}
{{- with .Values.keda -}}
{{- if gt (int .maxReplicas) (int .partitions) -}}
{{- $faults = append $faults (printf "keda.maxReplicas is %d but keda.partitions is %d: workers above the partitions sit idle; add partitions first" (int .maxReplicas) (int .partitions)) -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $faults = append $faults (printf "keda.minReplicas is %d but keda.maxReplicas is %d: lower the one or raise the other" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n  - %s" (join "\n  - " $faults)) -}}
{{- end -}}
{{- end -}}
