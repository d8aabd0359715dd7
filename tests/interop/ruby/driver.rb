# frozen_string_literal: true

# Drives the encryption clients of the Ruby gem aws-sdk-s3: jobs on standard input, results on standard output, both
# one JSON object a line (tests/interop/jobs.py says what the fields mean).
#
# Modes: "V1" is Aws::S3::Encryption::Client; "V2" and "V2+legacy" are Aws::S3::EncryptionV2::Client with the security
# profile :v2 or :v2_and_legacy. With the argument --version: prints the gem's version instead.

require 'aws-sdk-kms'
require 'aws-sdk-s3'
require 'base64'
require 'digest'
require 'json'
require 'openssl'

if ARGV == ['--version']
  puts Aws::S3::GEM_VERSION
  exit
end

S3 = Aws::S3::Client.new(endpoint: ENV.fetch('AWS_ENDPOINT_URL_S3'), force_path_style: true)
KMS = Aws::KMS::Client.new(endpoint: ENV.fetch('AWS_ENDPOINT_URL_KMS'))
SCHEMAS = { 'kms' => :kms_context, 'aes' => :aes_gcm, 'rsa' => :rsa_oaep_sha1 }.freeze

# One raw key and its description.
class KeyProvider
  Materials = Struct.new(:key, :description)

  attr_reader :encryption_materials

  def initialize(key, description)
    @encryption_materials = Materials.new(key, description)
  end

  def key_for(_description)
    @encryption_materials.key
  end
end

def keyring(job)
  key = job['keyring']
  case key['type']
  when 'kms' then return { kms_key_id: key['id'], kms_client: KMS }
  when 'aes' then secret = Base64.strict_decode64(key['aes'])
  else secret = OpenSSL::PKey::RSA.new(key['privateKey'])
  end
  { key_provider: KeyProvider.new(secret, JSON.generate(job['context'])) }
end

def client(job)
  options = keyring(job).merge(client: S3)
  options[:envelope_location] = job['storage'] == 'instruction-file' ? :instruction_file : :metadata
  return Aws::S3::Encryption::Client.new(options) if job['mode'] == 'V1'

  Aws::S3::EncryptionV2::Client.new(
    options.merge(
      key_wrap_schema: SCHEMAS.fetch(job['keyring']['type']),
      content_encryption_schema: :aes_gcm_no_padding,
      security_profile: job['mode'] == 'V2' ? :v2 : :v2_and_legacy
    )
  )
end

def run(job)
  place = { bucket: job['bucket'], key: job['key'] }
  with_context = job['mode'] != 'V1' && job['keyring']['type'] == 'kms' && !job['context'].empty?
  place[:kms_encryption_context] = job['context'] if with_context
  case job['op']
  when 'put'
    client(job).put_object(body: File.binread(job['body']), **place)
    nil
  when 'get'
    place[:instruction_file_suffix] = job['suffix'] if job['suffix']
    # Debian's aws-sdk-kms is older than Decrypt's key_id.
    place[:kms_allow_decrypt_with_any_cmk] = true if job['mode'] != 'V1' && job['keyring']['type'] == 'kms'
    client(job).get_object(place).body.read
  else raise ArgumentError, "this client has no #{job['op']}"
  end
end

$stdout.sync = true
$stdin.each_line do |line|
  job = JSON.parse(line)
  result = { id: job['id'], ok: true }
  begin
    body = run(job)
    result.update(length: body.bytesize, sha256: Digest::SHA256.hexdigest(body)) if body
  rescue StandardError, NotImplementedError => e
    result.update(ok: false, error: "#{e.class}: #{e.message}")
  end
  puts JSON.generate(result)
end
