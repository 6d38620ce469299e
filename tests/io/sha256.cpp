#include <parapet/io/sha256.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

using namespace parapet;

TEST_CASE("the vectors of FIPS 180 and NIST's CAVP") {
  CHECK(io::to_hex(io::sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(io::to_hex(io::sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(io::to_hex(io::sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(io::to_hex(io::sha256(std::string(1000000, 'a'))) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("pieces of any size make the hash of the whole") {
  std::string text;
  for (int k = 0; k < 300; ++k) text += static_cast<char>(k * 7);
  for (std::size_t const length : {0u, 1u, 55u, 56u, 57u, 63u, 64u, 65u, 119u, 120u, 128u, 300u}) {
    std::string_view const whole(text.data(), length);
    for (std::size_t const piece : {1u, 3u, 64u, 100u}) {
      io::sha256_stream stream;
      for (std::size_t at = 0; at < length; at += piece) {
        stream.add(whole.substr(at, piece));
        static_cast<void>(stream.digest());  // asking changes nothing
      }
      CHECK(stream.digest() == io::sha256(whole));
    }
  }
}

TEST_CASE("the HMAC vectors of RFC 4231") {
  CHECK(io::to_hex(io::hmac_sha256(std::string(20, '\x0b'), "Hi There")) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(io::to_hex(io::hmac_sha256("Jefe", "what do ya want for nothing?")) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(io::to_hex(io::hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
