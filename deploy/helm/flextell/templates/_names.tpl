{{/* Names and labels that several templates share, and the parts of a pod. */}}

{{- define "flextell.name" -}}
{{- if contains "flextell" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-flextell" (.Release.Name | trunc 40 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "flextell.selector" -}}
app.kubernetes.io/name: flextell
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "flextell.labels" -}}
{{ include "flextell.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "flextell.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "flextell.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "flextell.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "flextell.databaseVariable" -}}
- name: FLEXTELL_DATABASE
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.secretName }}
      key: {{ .Values.database.secretKey }}
{{- end -}}

{{- define "flextell.databaseMount" -}}
{{- if .Values.database.caSecretName }}
- name: database-ca
  mountPath: /database-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "flextell.databaseVolume" -}}
{{- if .Values.database.caSecretName }}
- name: database-ca
  secret:
    secretName: {{ .Values.database.caSecretName }}
    items:
      - key: {{ .Values.database.caSecretKey }}
        path: ca.pem
{{- end }}
{{- end -}}
