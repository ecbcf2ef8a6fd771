# The guard: two bodies that pull at each other for one step. sh test.sh
set -e
gcc -Wall -Werror -O1 nbody.c -o nbody -lm
printf '2 1 0.5\n1 0 0 0\n2 1 0 0\n' > bodies.txt
./nbody .
awk 'NR == 1 && ($1 < 0.464 || $1 > 0.466) || NR == 2 && ($1 < 0.766 || $1 > 0.769) { exit 1 } END { exit NR != 2 }' positions.txt
