"""What SNMPv3 promises for any octets: privacy gives back what it took, and no changed message is believed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.type.univ import OctetString
from pysnmp.proto.secmod.rfc3414 import localkey, service

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.ber import DecodeError
from collector.snmp.engine import Engine
from collector.snmp.refusals import SecurityError
from collector.snmp.usm import AesPrivacy, DesPrivacy, Digest, extended, localised, password_to_key
from collector.snmp.version3 import Opened, Wrapping, discovered, message_id

counts = st.integers(0, 2**31 - 1)
salts = st.integers(0, 2**64 - 1)
Plaintexts = list[tuple[bytes, int, int, int]]
messages = st.lists(st.tuples(st.binary(min_size=1, max_size=200), counts, counts, salts), min_size=1, max_size=5)
aes_keys = st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(aes_keys, messages)
def test_aes_is_the_librarys_cfb_for_one_message_after_the_other(key: bytes, several: Plaintexts):
    privacy = AesPrivacy(key)
    for plaintext, boots, time, salt in several:
        ciphertext, parameters = privacy.encrypt(plaintext, boots, time, salt)
        iv = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt.to_bytes(8, "big")
        assert ciphertext == Cipher(AES(key), CFB(iv)).encryptor().update(plaintext)
        assert privacy.decrypt(ciphertext, boots, time, parameters) == plaintext


@given(st.binary(min_size=16, max_size=16), messages)
def test_des_is_the_librarys_cbc_for_one_message_after_the_other(key: bytes, several: Plaintexts):
    privacy = DesPrivacy(key)
    for plaintext, boots, time, salt in several:
        ciphertext, parameters = privacy.encrypt(plaintext, boots, time, salt)
        padded = plaintext + bytes(-len(plaintext) % 8)
        iv = bytes(left ^ right for left, right in zip(parameters, key[8:], strict=True))
        assert parameters == boots.to_bytes(4, "big") + (salt % 2**32).to_bytes(4, "big")
        assert ciphertext == Cipher(TripleDES(key[:8] * 3), CBC(iv)).encryptor().update(padded)
        assert privacy.decrypt(ciphertext, boots, time, parameters) == padded


@given(
    st.sampled_from(AuthProtocol), st.binary(min_size=16, max_size=64), st.lists(st.binary(max_size=300), max_size=4)
)
def test_a_digest_is_the_standard_librarys_hmac(auth: AuthProtocol, key: bytes, several: list[bytes]):
    digest = Digest(auth, key)
    for octets in several:
        assert digest(octets) == hmac.digest(key, octets, auth.value)[: digest.size]


PYSNMP_PRIVACY = {
    PrivProtocol.AES192: service.aes192.AesBlumenthal192,
    PrivProtocol.AES256: service.aes256.AesBlumenthal256,
    PrivProtocol.AES192_REEDER: service.aes192.Aes192,
    PrivProtocol.AES256_REEDER: service.aes256.Aes256,
}


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(AuthProtocol),
    st.sampled_from(sorted(PYSNMP_PRIVACY)),
    st.text(st.characters(codec="ascii", min_codepoint=33), min_size=8, max_size=40),
    st.binary(min_size=5, max_size=32),
)
def test_keys_are_those_that_pysnmp_derives(auth: AuthProtocol, priv: PrivProtocol, password: str, engine_id: bytes):
    function, theirs_id = getattr(hashlib, auth.value), OctetString(engine_id)
    theirs = localkey.hash_passphrase(password.encode(), function)
    key = password_to_key(auth, password)
    assert key == bytes(theirs)
    local = localised(auth, key, engine_id)
    assert local == bytes(localkey.localize_key(theirs, theirs_id, function))
    # usmHMACMD5AuthProtocol is 2 (RFC 3414, 5), the others follow in our order (RFC 7860, 5).
    number = (1, 3, 6, 1, 6, 3, 10, 1, 1, 2 + list(AuthProtocol).index(auth))
    expected = PYSNMP_PRIVACY[priv]().localize_key(number, theirs, theirs_id)
    assert extended(auth, priv, local, engine_id) == bytes(expected)


ENGINE_ID = b"\x80\x00\x1f\x88\x80engine"
ENGINE = Engine(ENGINE_ID, boots=3, time=70_000, heard_at=0.0)
PASSWORDS = {"auth_password": "authentication", "priv_password": "privacy password"}
USERS = [
    User(name="u", auth=AuthProtocol.SHA1, priv=PrivProtocol.AES128, **PASSWORDS),
    User(name="u", auth=AuthProtocol.SHA512, priv=PrivProtocol.AES256, **PASSWORDS),
    User(name="u", auth=AuthProtocol.MD5, priv=PrivProtocol.DES, **PASSWORDS),
    User(name="u", auth=AuthProtocol.SHA256, **PASSWORDS),
]
RESPONSE = bytes.fromhex("a21c020440000001020100020100300e300c06082b060102010103000500")


def answer(user: User) -> bytes:
    """A request is laid out as its answer is, but for the type of its PDU; with the flag that an answer may carry."""
    return Wrapping(user, ENGINE_ID).request(ENGINE, 5.0, 0x4000_0001, RESPONSE, 77)


def opened(wrapping: Wrapping, data: bytes) -> Opened | str:
    """What came of it, as a value."""
    try:
        return wrapping.open(data, ENGINE, 6.0)
    except (SecurityError, DecodeError) as error:
        return f"{type(error).__name__}: {error}"


def warmed(user: User) -> Wrapping:
    """One that has met a good answer, so that it compares the next ones with it instead of parsing them."""
    wrapping = Wrapping(user, ENGINE_ID)
    assert wrapping.open(answer(user), ENGINE, 6.0).pdu == RESPONSE
    return wrapping


@pytest.mark.parametrize("user", USERS, ids=lambda user: f"{user.auth}-{user.priv}")
def test_no_message_with_a_single_flipped_bit_is_believed(user: User):
    data, fresh, warm = answer(user), Wrapping(user, ENGINE_ID), warmed(user)
    for place in range(len(data)):
        for bit in range(8):
            changed = data[:place] + bytes((data[place] ^ 1 << bit,)) + data[place + 1 :]
            assert isinstance(opened(fresh, changed), str), f"octet {place}, bit {bit}"
            assert opened(warm, changed) == opened(fresh, changed)
    assert isinstance(opened(fresh, data), Opened)


@pytest.mark.parametrize("user", USERS[:2], ids=lambda user: f"{user.auth}-{user.priv}")
@given(st.data())
def test_changed_octets_raise_what_is_declared_and_are_never_believed(user: User, data: st.DataObject):
    good = answer(user)
    changed = bytearray(good)
    for place, octet in data.draw(
        st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), min_size=1, max_size=6)
    ):
        changed[place] = octet
    result = opened(warmed(user), bytes(changed))
    assert changed == good or isinstance(result, str)
    assert opened(Wrapping(user, ENGINE_ID), bytes(changed)) == result


@given(st.data())
def test_octets_left_out_or_put_in_raise_what_is_declared(data: st.DataObject):
    good = answer(USERS[0])
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, len(good)))
    changed = good[:start] + data.draw(st.binary(max_size=10)) + good[stop:]
    assert changed == good or isinstance(opened(warmed(USERS[0]), changed), str)
    message_id(changed)
    with contextlib.suppress(DecodeError):
        discovered(changed)


@settings(max_examples=3 * settings.default.max_examples)
@given(st.binary(max_size=300))
def test_random_octets_raise_what_is_declared(data: bytes):
    assert isinstance(opened(warmed(USERS[0]), data), str)
    message_id(data)
    with contextlib.suppress(DecodeError):
        discovered(data)


@given(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(0x4000_0000, 0x7FFF_FFFF), salts)
def test_what_is_wrapped_is_opened_at_any_time_of_any_engine(boots: int, time: int, number: int, salt: int):
    engine = Engine(ENGINE_ID, boots, time, 0.0)
    for user in USERS:
        data = Wrapping(user, ENGINE_ID).request(engine, 0.0, number, RESPONSE, salt)
        assert message_id(data) == number
        reader = Wrapping(user, ENGINE_ID)
        if boots < 2**31 - 1:
            after = Engine(ENGINE_ID, boots, time, 9.0)
            assert reader.open(data, Engine(ENGINE_ID), 9.0) == Opened(RESPONSE, after, None, authenticated=True)
        else:
            assert isinstance(opened(reader, data), str)
