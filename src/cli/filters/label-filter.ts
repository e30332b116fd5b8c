/** `NAME`, or `NAME=VALUE`, of labels. */
export function labelTest(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const equals = text.indexOf('=')
  const [name, value] = equals < 0 ? [text] : [text.slice(0, equals), text.slice(equals + 1)]
  return labels => Object.hasOwn(labels, name) && (value === undefined || labels[name] === value)
}
