package interop;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/** A wrapping key: of type kms (an id), aes (base64) or rsa (two PEM texts). */
public record Key(String type, String id, String aes, String privateKey, String publicKey) {

  public SecretKey secretKey() {
    return new SecretKeySpec(Base64.getDecoder().decode(aes), "AES");
  }

  public KeyPair keyPair() throws GeneralSecurityException {
    KeyFactory factory = KeyFactory.getInstance("RSA");
    return new KeyPair(
        factory.generatePublic(new X509EncodedKeySpec(der(publicKey))),
        factory.generatePrivate(new PKCS8EncodedKeySpec(der(privateKey))));
  }

  private static byte[] der(String pem) {
    return Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
  }
}
