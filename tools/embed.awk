# Turns a text file into a C string constant called NAME.
BEGIN { print "// Generated; do not edit.\nstatic const char " NAME "[] =" }
{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); print "    \"" $0 "\\n\"" }
END { print "    \"\";" }
