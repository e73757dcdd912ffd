#pragma once
// StatusPage: the page for people at `/`, embedded from page/index.html.
//
// One file without external resources, so that it works without internet access. The policy names
// its own style and script by hash, so that text from an event could not run as a script.
#include <string>
#include <string_view>

namespace usage_ingest::http {

extern const std::string_view kStatusPageHtml;

// The Content-Security-Policy for a page with one inline style and one inline script.
// Source        CSP Level 3, "hash-source": base64 of the SHA-256 of the element's text.
[[nodiscard]] std::string PolicyFor(std::string_view html);

}  // namespace usage_ingest::http
