/** An authority and certificates signed by it, made by openssl. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Issued {
  certificateFile: string
  keyFile: string
  certificate: string
  key: string
}

export interface TestAuthority {
  file: string
  certificate: string
  /** @param names as in subjectAltName: `IP:127.0.0.1`, `DNS:registry.example` */
  issue(name: string, names: readonly string[]): Issued
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** @param directory where the files are written */
export function makeAuthority(directory: string): TestAuthority {
  const file = join(directory, 'authority.crt')
  const keyFile = join(directory, 'authority.key')
  openssl('req', '-x509', ...EC, '-days', '2', '-subj', '/CN=test authority', '-keyout', keyFile, '-out', file)
  return {
    file,
    certificate: readFileSync(file, 'utf8'),
    issue(name, names) {
      const own = (suffix: string) => join(directory, `${name}.${suffix}`)
      openssl('req', ...EC, '-subj', `/CN=${name}`, '-keyout', own('key'), '-out', own('csr'))
      writeFileSync(own('ext'), `subjectAltName=${names.join()}\n`)
      openssl(
        'x509',
        '-req',
        '-days',
        '2',
        '-in',
        own('csr'),
        '-CA',
        file,
        '-CAkey',
        keyFile,
        '-CAcreateserial',
        '-extfile',
        own('ext'),
        '-out',
        own('cert'),
      )
      return {
        certificateFile: own('cert'),
        keyFile: own('key'),
        certificate: readFileSync(own('cert'), 'utf8'),
        key: readFileSync(own('key'), 'utf8'),
      }
    },
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
