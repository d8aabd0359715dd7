// Runs the official @aws-crypto/client-node on the orders of encryption_sdk.py:
//
//     node encryption_sdk.js MODULES ORDERS
//
// Orders and answers are described there. MODULES is the folder with package.json and node_modules.
// This client frames every message and has no required keys. Its raw AES keyring sorts the context by the user's locale
// unless it is told otherwise, unlike all other SDKs (aws-encryption-sdk-javascript, issue 428). Credentials for KMS come
// from the environment.
'use strict'

const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')

const client = createRequire(path.join(process.argv[2], 'package.json'))('@aws-crypto/client-node')
const { constants } = require('crypto')

const COMMITTING = [0x0478, 0x0578]
const WRAPPING = {
  16: client.RawAesWrappingSuiteIdentifier.AES128_GCM_IV12_TAG16_NO_PADDING,
  24: client.RawAesWrappingSuiteIdentifier.AES192_GCM_IV12_TAG16_NO_PADDING,
  32: client.RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
}

function keyringOf (key) {
  if (key.kind === 'kms') {
    const clientProvider = client.getClient(client.KMS, { endpoint: key.endpoint_url })
    return new client.KmsKeyringNode({ clientProvider, generatorKeyId: key.key_id })
  }
  const names = { keyNamespace: key.provider_id, keyName: key.key_id }
  if (key.kind === 'aes') {
    const unencryptedMasterKey = Uint8Array.from(Buffer.from(key.key, 'hex'))
    const wrappingSuite = WRAPPING[unencryptedMasterKey.length]
    return new client.RawAesKeyringNode({ ...names, unencryptedMasterKey, wrappingSuite, utf8Sorting: true })
  }
  const rsaKey = { publicKey: key.public, privateKey: key.private }
  if (key.padding === 'pkcs1') {
    return new client.RawRsaKeyringNode({ ...names, rsaKey, padding: constants.RSA_PKCS1_PADDING })
  }
  const oaepHash = key.padding.split('-')[1]
  return new client.RawRsaKeyringNode({ ...names, rsaKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash })
}

function materialsOf (keys) {
  const [generator, ...children] = keys.map(keyringOf)
  return children.length ? new client.MultiKeyringNode({ generator, children }) : generator
}

async function carryOut (order) {
  const source = fs.readFileSync(order.source)
  const commits = order.do === 'decrypt' || COMMITTING.includes(order.suite)
  const policy = commits ? 'REQUIRE_ENCRYPT_REQUIRE_DECRYPT' : 'FORBID_ENCRYPT_ALLOW_DECRYPT'
  const { encrypt, decrypt } = client.buildClient(client.CommitmentPolicy[policy])
  const keyring = materialsOf(order.keyrings)
  if (order.do === 'decrypt') {
    const { plaintext, messageHeader } = await decrypt(keyring, source)
    for (const [name, value] of Object.entries(order.context)) {
      if (messageHeader.encryptionContext[name] !== value) throw new Error(`another context: ${name}`)
    }
    fs.writeFileSync(order.target, plaintext)
    return
  }
  const options = { suiteId: order.suite, encryptionContext: order.context, frameLength: order.frame_length }
  const { result } = await encrypt(keyring, source, options)
  fs.writeFileSync(order.target, result)
}

async function main () {
  for (const order of JSON.parse(fs.readFileSync(process.argv[3], 'utf-8'))) {
    try {
      await carryOut(order)
      console.log('ok')
    } catch (error) {
      console.log(`${error.name}: ${error.message}`.replace(/\n/g, ' '))
    }
  }
}

main()
