# cmake -DIN=<file> -DOUT=<file.cc> -P embed.cmake: a text file as a string of the program.
file(READ "${IN}" CONTENT)
string(FIND "${CONTENT}" ")~~~~\"" CLASH)
if(NOT CLASH EQUAL -1)
  message(FATAL_ERROR "${IN} holds the end of the raw string literal that it is put into")
endif()
file(WRITE "${OUT}" "#include \"daemon/http/status_page.h\"\n\nnamespace usage_ingest::http {\n"
  "const std::string_view kStatusPageHtml = R\"~~~~(${CONTENT})~~~~\";\n}\n")
