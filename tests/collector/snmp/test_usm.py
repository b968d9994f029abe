"""Keys, digests and privacy of SNMPv3 against the vectors of the documents that define them."""

from __future__ import annotations

import pytest

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.ber import DecodeError
from collector.snmp.usm import AesPrivacy, DesPrivacy, Digest, extended, local_keys, localised, password_to_key

ENGINE_ID = bytes.fromhex("000000000000000000000002")
PASSWORD = "maplesyrup"

RFC_3414_A_3 = {
    AuthProtocol.MD5: ("9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
    AuthProtocol.SHA1: ("9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
}


@pytest.mark.parametrize("auth", RFC_3414_A_3)
def test_a_password_becomes_the_keys_of_rfc_3414(auth: AuthProtocol):
    key, local = RFC_3414_A_3[auth]
    assert password_to_key(auth, PASSWORD).hex() == key
    assert localised(auth, bytes.fromhex(key), ENGINE_ID).hex() == local


# draft-reeder-snmpv3-usm-3desede-00, B.1 and B.2; SHA-224 as below.
REEDER = {
    AuthProtocol.MD5: "526f5eed9fcce26f8964c2930787d82b79eff44a90650ee0a3a40abfac5acc12",
    AuthProtocol.SHA1: "6695febc9288e36282235fc7151f128497b38f3f9b8b6d78936ba6e7d19dfd9cd2d5065547743fb5",
    AuthProtocol.SHA224: "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be68207567422c34be4",
}
# draft-blumenthal-aes-usm-04 has no vectors; these are in the tests of several independent implementations.
BLUMENTHAL = {
    AuthProtocol.MD5: "526f5eed9fcce26f8964c2930787d82bfa24a92467426c2f4b09192be10dfaec",
    AuthProtocol.SHA1: "6695febc9288e36282235fc7151f128497b38f3f505e07eb9af25568fa1f5dbe",
    AuthProtocol.SHA224: "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674e82d9bf0",
    AuthProtocol.SHA256: "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
}


@pytest.mark.parametrize("auth", REEDER)
def test_a_short_key_is_chained_as_reeder_says(auth: AuthProtocol):
    key = localised(auth, password_to_key(auth, PASSWORD), ENGINE_ID)
    expected = bytes.fromhex(REEDER[auth])
    assert extended(auth, PrivProtocol.AES256_REEDER, key, ENGINE_ID) == expected[:32]
    assert extended(auth, PrivProtocol.AES192_REEDER, key, ENGINE_ID) == expected[:24]


@pytest.mark.parametrize("auth", BLUMENTHAL)
def test_a_short_key_is_lengthened_as_blumenthal_says(auth: AuthProtocol):
    key = localised(auth, password_to_key(auth, PASSWORD), ENGINE_ID)
    expected = bytes.fromhex(BLUMENTHAL[auth])
    assert extended(auth, PrivProtocol.AES256, key, ENGINE_ID) == expected
    assert extended(auth, PrivProtocol.AES192, key, ENGINE_ID) == expected[:24]


@pytest.mark.parametrize("priv", [PrivProtocol.DES, PrivProtocol.AES128])
def test_sixteen_octets_of_the_localised_key_are_enough_for_des_and_aes_128(priv: PrivProtocol):
    key = bytes.fromhex(RFC_3414_A_3[AuthProtocol.SHA1][1])
    assert extended(AuthProtocol.SHA1, priv, key, ENGINE_ID) == key[:16]


# RFC 2202 (MD5, SHA-1) and RFC 4231 (SHA-2), test case 2, cut to what RFC 3414 and RFC 7860, 4.1 let travel.
HMAC_CASE_2 = {
    AuthProtocol.MD5: "750c783e6ab0b503eaa86e31",
    AuthProtocol.SHA1: "effcdf6ae5eb2fa2d27416d5",
    AuthProtocol.SHA224: "a30e01098bc6dbbf45690f3a7e9e6d0f",
    AuthProtocol.SHA256: "5bdcc146bf60754e6a042426089575c75a003f089d273983",
    AuthProtocol.SHA384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e",
    AuthProtocol.SHA512: (
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
    ),
}


@pytest.mark.parametrize("auth", AuthProtocol)
def test_a_digest_is_the_truncated_hmac_of_its_rfc(auth: AuthProtocol):
    digest = Digest(auth, b"Jefe")
    assert digest(b"what do ya want for nothing?").hex() == HMAC_CASE_2[auth]
    assert digest(b"what do ya want for nothing?").hex() == HMAC_CASE_2[auth], "the kept states are not used up"
    assert digest.size == len(HMAC_CASE_2[auth]) // 2


# NIST SP 800-38A, F.3.13 to F.3.18. The IV is boots, time and salt in a row (RFC 3826, 3.1.2.1).
BOOTS, TIME, SALT = 0x00010203, 0x04050607, 0x08090A0B0C0D0E0F
PLAINTEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
CFB_128 = {
    "2b7e151628aed2a6abf7158809cf4f3c": (
        "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
        "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"
    ),
    "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b": (
        "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a"
        "2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff"
    ),
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": (
        "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
        "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471"
    ),
}


@pytest.mark.parametrize("key", CFB_128)
@pytest.mark.parametrize("size", [1, 15, 16, 17, 64])
def test_aes_is_cfb_with_the_vectors_of_nist(key: str, size: int):
    privacy, expected = AesPrivacy(bytes.fromhex(key)), bytes.fromhex(CFB_128[key])[:size]
    for _ in range(2):  # what is kept of one message must not show in the next
        ciphertext, parameters = privacy.encrypt(PLAINTEXT[:size], BOOTS, TIME, SALT)
        assert (ciphertext, parameters.hex()) == (expected, "08090a0b0c0d0e0f")
        assert privacy.decrypt(expected, BOOTS, TIME, parameters) == PLAINTEXT[:size]


# FIPS 81, table C-1; with no pre-IV the salt, which is boots and a number, is the IV.
FIPS_81 = "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"
FIPS_81_TEXT = b"Now is the time for all "


def test_des_is_cbc_with_the_vector_of_fips_81():
    privacy = DesPrivacy(bytes.fromhex("0123456789abcdef0000000000000000"))
    for _ in range(2):
        ciphertext, parameters = privacy.encrypt(FIPS_81_TEXT, 0x12345678, 1, 0x90ABCDEF)
        assert (ciphertext.hex(), parameters.hex()) == (FIPS_81, "1234567890abcdef")
        assert privacy.decrypt(ciphertext, 7, 7, parameters) == FIPS_81_TEXT, "only the salt counts, not the clock"


def test_the_iv_of_des_is_the_salt_xor_the_pre_iv():
    privacy = DesPrivacy(bytes.fromhex("0123456789abcdefffffffffffffffff"))
    ciphertext, parameters = privacy.encrypt(FIPS_81_TEXT, 0xEDCBA987, 1, 0x6F543210)
    assert (ciphertext.hex(), parameters.hex()) == (FIPS_81, "edcba9876f543210")


def test_des_pads_to_whole_blocks_and_leaves_the_padding_to_the_reader():
    privacy = DesPrivacy(bytes(range(16)))
    ciphertext, parameters = privacy.encrypt(b"eleven octs", 1, 1, 1)
    assert len(ciphertext) == 16
    assert privacy.decrypt(ciphertext, 1, 1, parameters)[:11] == b"eleven octs"


def test_what_cannot_have_been_encrypted_is_refused():
    with pytest.raises(DecodeError):
        DesPrivacy(bytes(16)).decrypt(bytes(9), 1, 1, bytes(8))
    for privacy in (DesPrivacy(bytes(16)), AesPrivacy(bytes(16))):
        with pytest.raises(DecodeError):
            privacy.decrypt(bytes(16), 1, 1, bytes(7))


def test_privacy_is_keyed_with_the_authentication_hash_and_the_privacy_password():
    user = User(
        name="u", auth=AuthProtocol.SHA1, auth_password="other than", priv=PrivProtocol.AES128, priv_password=PASSWORD
    )
    privacy = local_keys(user, ENGINE_ID).privacy
    assert privacy is not None
    expected = AesPrivacy(bytes.fromhex(RFC_3414_A_3[AuthProtocol.SHA1][1])[:16])
    assert privacy.encrypt(PLAINTEXT, 1, 2, 3) == expected.encrypt(PLAINTEXT, 1, 2, 3)


def test_a_password_is_stretched_once_for_all_engines():
    user = User(name="u", auth=AuthProtocol.SHA512, auth_password="stretched only once")
    local_keys(user, b"\x80engine 1")
    before = password_to_key.cache_info().misses
    keys = {id(local_keys(user, b"\x80engine %d" % number)) for number in range(2, 50)}
    assert password_to_key.cache_info().misses == before
    assert len(keys) == 48
    assert local_keys(user, b"\x80engine 2") is local_keys(user, b"\x80engine 2")


def test_a_user_has_what_its_level_needs_and_no_more():
    nobody = local_keys(User(name="u"), ENGINE_ID)
    assert (nobody.digest, nobody.privacy) == (None, None)
    authenticated = local_keys(User(name="u", auth=AuthProtocol.MD5, auth_password=PASSWORD), ENGINE_ID)
    assert authenticated.digest is not None
    assert authenticated.privacy is None


@pytest.mark.parametrize(
    "user",
    [
        User(name="u", auth=AuthProtocol.MD5),
        User(name="u", auth=AuthProtocol.MD5, auth_password=PASSWORD, priv=PrivProtocol.DES),
        User(name="u", priv=PrivProtocol.DES, priv_password=PASSWORD),
    ],
    ids=["no auth password", "no priv password", "priv without auth"],
)
def test_a_user_that_rfc_3414_does_not_know_is_refused(user: User):
    with pytest.raises(ValueError, match="SNMPv3"):
        local_keys(user, ENGINE_ID)


def test_no_key_and_no_password_is_in_what_is_printed():
    user = User(
        name="u",
        auth=AuthProtocol.SHA1,
        auth_password=PASSWORD,
        priv=PrivProtocol.AES128,
        priv_password="another secret",
    )
    keys = local_keys(user, ENGINE_ID)
    printed = f"{user!r} {keys!r} {keys.digest!r} {keys.privacy!r}"
    for secret in (PASSWORD, "another secret", "6695febc", "f\\x95"):
        assert secret not in printed
