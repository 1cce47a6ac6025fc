{{- define "digitserve.name" -}}
{{- $release := ternary .Release.Name (printf "%s-digitserve" .Release.Name) (contains "digitserve" .Release.Name) -}}
{{- .Values.name | default $release | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "digitserve.selector" -}}
app.kubernetes.io/name: digitserve
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "digitserve.labels" -}}
{{ include "digitserve.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "digitserve.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "digitserve.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "digitserve.name" .) -}}
{{- end -}}

{{/* What the service is told. Takes `root`, `port` and `models`. */}}
{{- define "digitserve.env" -}}
{{- $values := .root.Values -}}
- name: DIGITSERVE_HOST
  value: {{ $values.address | quote }}
- name: DIGITSERVE_PORT
  value: {{ .port | quote }}
{{- if $values.grpc.enabled }}
- name: DIGITSERVE_GRPC_PORT
  value: {{ $values.grpc.port | quote }}
{{- end }}
- name: DIGITSERVE_MODELS
  value: {{ .models | quote }}
- name: DIGITSERVE_DEVICE
  value: {{ $values.device }}
{{- with $values.workers }}
- name: DIGITSERVE_WORKERS
  value: {{ . | quote }}
{{- else }}
{{- if not (($values.resources).limits).cpu }}
{{- fail "set workers or resources.limits.cpu: with neither, each pod would start a worker for every core of its node" }}
{{- end }}
{{- end }}
- name: DIGITSERVE_DRAIN_SECONDS
  value: {{ $values.drain.closeSeconds | quote }}
- name: DIGITSERVE_GRACE_SECONDS
  value: {{ $values.drain.graceSeconds | quote }}
{{- range $setting, $value := $values.settings }}
{{- if not (kindIs "invalid" $value) }}
- name: DIGITSERVE_{{ upper $setting }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }} {{- /* 33554432, and not 3.3554432e+07 */}}
{{- end }}
{{- end }}
{{- with $values.apiKeys.secret }}
- name: DIGITSERVE_API_KEYS
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: {{ $values.apiKeys.key | quote }}
{{- end }}
{{- end -}}

{{/* Takes `root` and `port`. */}}
{{- define "digitserve.probes" -}}
# While models load, connections wait and are not refused.
startupProbe:
  httpGet: {path: /health/startup, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: {{ divf .root.Values.startSeconds 5 | ceil }}
# Longer than the service itself takes to replace a worker that stands still (DIGITSERVE_STALL_SECONDS).
livenessProbe:
  httpGet: {path: /health/live, port: {{ .port }}}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
# A real inference, to which the service itself gives 2 s.
readinessProbe:
  httpGet: {path: /health/ready, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* Where a pod runs and how it ends. */}}
{{- define "digitserve.placement" -}}
automountServiceAccountToken: false
# A Service called digitserve-x would set DIGITSERVE_X_PORT, which is no setting.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "digitserve.graceSeconds" . }}
{{- with .Values.priorityClass }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.runtimeClass }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "digitserve.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "digitserve.lifecycle" -}}
{{- with .Values.drain.forgetSeconds -}}
# Long enough also for Python, which is process 1 here, to have begun to hear SIGTERM.
lifecycle:
  preStop:
    sleep: {seconds: {{ . }}}
{{- end -}}
{{- end -}}

{{- define "digitserve.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- with .Values.user }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Seconds from a pod's removal to its end at most. */}}
{{- define "digitserve.graceSeconds" -}}
{{- with .Values.drain -}}
{{- addf .forgetSeconds .closeSeconds .graceSeconds 5 | ceil -}}
{{- end -}}
{{- end -}}

{{/* Pods are added at once, and taken away slowly. */}}
{{- define "digitserve.behavior" -}}
scaleDown:
  stabilizationWindowSeconds: {{ .Values.scaling.downSeconds }}
  policies: [{type: Percent, value: 50, periodSeconds: 60}]
{{- end -}}
