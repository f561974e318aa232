/* The S-boxes of DES in gates of three inputs, 229 in all, and a round of DES. A part of lanes.h.
 * Made by tests/kernels/generate_circuits.py; do not edit. */
/* S1 in 31 gates. */
static inline void LANES(des_box_1)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in3, in2, in0, 0x93);
    LANES(word) g7 = LANES_THREE(g6, in3, in0, 0x99);
    LANES(word) g8 = LANES_THREE(in1, g6, g7, 0xac);
    LANES(word) g9 = LANES_THREE(g6, in1, in0, 0xe6);
    LANES(word) g10 = LANES_THREE(g9, g8, g7, 0x1a);
    LANES(word) g11 = LANES_THREE(in5, g8, g10, 0xca);
    LANES(word) g12 = LANES_THREE(g11, in3, in1, 0x7a);
    LANES(word) g13 = LANES_THREE(g12, g9, in5, 0x4a);
    LANES(word) g14 = LANES_THREE(g7, in5, in1, 0x1f);
    LANES(word) g15 = LANES_THREE(in2, g13, g14, 0xca);
    LANES(word) g16 = LANES_THREE(in4, g11, g15, 0xca);
    LANES(word) g17 = LANES_THREE(g12, g9, in2, 0x93);
    LANES(word) g18 = LANES_THREE(g17, g16, g10, 0x61);
    LANES(word) g19 = LANES_THREE(g18, g13, in5, 0x56);
    LANES(word) g20 = LANES_THREE(in3, g17, g19, 0xca);
    LANES(word) g21 = LANES_THREE(g14, g13, in1, 0xb6);
    LANES(word) g22 = LANES_THREE(g21, g16, g6, 0x69);
    LANES(word) g23 = LANES_THREE(in4, g20, g22, 0xac);
    LANES(word) g24 = LANES_THREE(g22, g16, g11, 0xb9);
    LANES(word) g25 = LANES_THREE(g15, in5, in2, 0x47);
    LANES(word) g26 = LANES_THREE(in4, g24, g25, 0xac);
    LANES(word) g27 = LANES_THREE(g22, g14, in4, 0xf6);
    LANES(word) g28 = LANES_THREE(g27, g25, g7, 0xe1);
    LANES(word) g29 = LANES_THREE(in1, g26, g28, 0xca);
    LANES(word) g30 = LANES_THREE(g23, g20, in3, 0x96);
    LANES(word) g31 = LANES_THREE(g30, g29, g28, 0x7c);
    LANES(word) g32 = LANES_THREE(g29, g22, in0, 0x69);
    LANES(word) g33 = LANES_THREE(in2, g31, g32, 0xac);
    LANES(word) g34 = LANES_THREE(g29, g16, in4, 0x43);
    LANES(word) g35 = LANES_THREE(g34, g23, in1, 0x96);
    LANES(word) g36 = LANES_THREE(in5, g33, g35, 0xca);
    *to0 ^= g36;
    *to1 ^= g16;
    *to2 ^= g29;
    *to3 ^= g23;
}

/* S2 in 28 gates. */
static inline void LANES(des_box_2)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in5, in2, in1, 0x94);
    LANES(word) g7 = LANES_THREE(g6, in4, in3, 0x78);
    LANES(word) g8 = LANES_THREE(g7, in3, in1, 0x87);
    LANES(word) g9 = LANES_THREE(in4, g7, g8, 0xca);
    LANES(word) g10 = LANES_THREE(g8, in5, in4, 0x9e);
    LANES(word) g11 = LANES_THREE(g10, g7, in2, 0x69);
    LANES(word) g12 = LANES_THREE(in0, g9, g11, 0xac);
    LANES(word) g13 = LANES_THREE(g11, in5, in1, 0x16);
    LANES(word) g14 = LANES_THREE(g13, g12, in3, 0x96);
    LANES(word) g15 = LANES_THREE(g14, g13, g11, 0x1e);
    LANES(word) g16 = LANES_THREE(in0, g14, g15, 0xca);
    LANES(word) g17 = LANES_THREE(g16, g15, g6, 0x9a);
    LANES(word) g18 = LANES_THREE(g11, g9, in0, 0x96);
    LANES(word) g19 = LANES_THREE(in5, g17, g18, 0xca);
    LANES(word) g20 = LANES_THREE(in4, g16, g19, 0xac);
    LANES(word) g21 = LANES_THREE(g19, g10, in0, 0xb8);
    LANES(word) g22 = LANES_THREE(g20, g14, in5, 0x9c);
    LANES(word) g23 = LANES_THREE(g22, g21, g19, 0x83);
    LANES(word) g24 = LANES_THREE(in3, g21, g23, 0xca);
    LANES(word) g25 = LANES_THREE(g24, g22, in1, 0xd6);
    LANES(word) g26 = LANES_THREE(g25, g23, g6, 0xd8);
    LANES(word) g27 = LANES_THREE(in4, g24, g26, 0xac);
    LANES(word) g28 = LANES_THREE(g18, g13, g12, 0xab);
    LANES(word) g29 = LANES_THREE(g28, g20, in1, 0x69);
    LANES(word) g30 = LANES_THREE(g29, g21, in1, 0x9b);
    LANES(word) g31 = LANES_THREE(g30, g15, g10, 0x63);
    LANES(word) g32 = LANES_THREE(in2, g30, g31, 0xac);
    LANES(word) g33 = LANES_THREE(in4, g29, g32, 0xac);
    *to0 ^= g12;
    *to1 ^= g33;
    *to2 ^= g27;
    *to3 ^= g20;
}

/* S3 in 28 gates. */
static inline void LANES(des_box_3)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in4, in3, in2, 0xac);
    LANES(word) g7 = LANES_THREE(g6, in5, in1, 0x96);
    LANES(word) g8 = LANES_THREE(in4, in2, in1, 0x16);
    LANES(word) g9 = LANES_THREE(g8, g7, in3, 0x07);
    LANES(word) g10 = LANES_THREE(in4, in2, in1, 0x6b);
    LANES(word) g11 = LANES_THREE(g10, g9, in3, 0x5a);
    LANES(word) g12 = LANES_THREE(in5, g9, g11, 0xca);
    LANES(word) g13 = LANES_THREE(in0, g7, g12, 0xac);
    LANES(word) g14 = LANES_THREE(g7, in2, in0, 0x69);
    LANES(word) g15 = LANES_THREE(g14, g13, g9, 0x0b);
    LANES(word) g16 = LANES_THREE(g15, g12, g11, 0x2d);
    LANES(word) g17 = LANES_THREE(in3, g15, g16, 0xac);
    LANES(word) g18 = LANES_THREE(g7, in4, in3, 0x57);
    LANES(word) g19 = LANES_THREE(g18, g17, g14, 0x58);
    LANES(word) g20 = LANES_THREE(in1, g17, g19, 0xca);
    LANES(word) g21 = LANES_THREE(g19, g13, g8, 0x89);
    LANES(word) g22 = LANES_THREE(g21, g20, g18, 0x06);
    LANES(word) g23 = LANES_THREE(g19, g11, in4, 0x97);
    LANES(word) g24 = LANES_THREE(in0, g22, g23, 0xac);
    LANES(word) g25 = LANES_THREE(g20, g16, g12, 0xd6);
    LANES(word) g26 = LANES_THREE(g14, g12, g7, 0xc9);
    LANES(word) g27 = LANES_THREE(in5, g25, g26, 0xca);
    LANES(word) g28 = LANES_THREE(in1, g24, g27, 0xca);
    LANES(word) g29 = LANES_THREE(g17, g9, in2, 0x75);
    LANES(word) g30 = LANES_THREE(g29, g28, g14, 0x96);
    LANES(word) g31 = LANES_THREE(g27, g26, in4, 0x5c);
    LANES(word) g32 = LANES_THREE(g31, g14, g11, 0xc6);
    LANES(word) g33 = LANES_THREE(in1, g30, g32, 0xac);
    *to0 ^= g33;
    *to1 ^= g20;
    *to2 ^= g28;
    *to3 ^= g13;
}

/* S4 in 26 gates. */
static inline void LANES(des_box_4)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in3, in2, in0, 0x36);
    LANES(word) g7 = LANES_THREE(g6, in3, in0, 0x19);
    LANES(word) g8 = LANES_THREE(in4, g6, g7, 0xca);
    LANES(word) g9 = LANES_THREE(g8, in4, in0, 0x89);
    LANES(word) g10 = LANES_THREE(g9, g6, in3, 0x79);
    LANES(word) g11 = LANES_THREE(in1, g8, g10, 0xac);
    LANES(word) g12 = LANES_THREE(g11, g10, g9, 0x8c);
    LANES(word) g13 = LANES_THREE(g12, in4, in1, 0xe9);
    LANES(word) g14 = LANES_THREE(g13, in2, in1, 0x1c);
    LANES(word) g15 = LANES_THREE(g14, g12, g11, 0xe1);
    LANES(word) g16 = LANES_THREE(in3, g13, g15, 0xca);
    LANES(word) g17 = LANES_THREE(in5, g11, g16, 0xca);
    LANES(word) g18 = LANES_THREE(g16, g11, in5, 0xb1);
    LANES(word) g19 = LANES_THREE(g17, g10, g8, 0x56);
    LANES(word) g20 = LANES_THREE(g19, g18, g15, 0xe1);
    LANES(word) g21 = LANES_THREE(g19, g12, in3, 0x96);
    LANES(word) g22 = LANES_THREE(g21, g20, g18, 0xc5);
    LANES(word) g23 = LANES_THREE(in4, g20, g22, 0xca);
    LANES(word) g24 = LANES_THREE(g15, g12, g7, 0x4d);
    LANES(word) g25 = LANES_THREE(g24, g23, g9, 0x69);
    LANES(word) g26 = LANES_THREE(in5, g23, g25, 0xac);
    LANES(word) g27 = LANES_THREE(g16, g12, in3, 0x92);
    LANES(word) g28 = LANES_THREE(g27, g26, in5, 0x69);
    LANES(word) g29 = LANES_THREE(g27, g11, in0, 0xcd);
    LANES(word) g30 = LANES_THREE(g29, g28, g24, 0x96);
    LANES(word) g31 = LANES_THREE(in2, g28, g30, 0xac);
    *to0 ^= g18;
    *to1 ^= g17;
    *to2 ^= g31;
    *to3 ^= g26;
}

/* S5 in 30 gates. */
static inline void LANES(des_box_5)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in4, in2, in0, 0x49);
    LANES(word) g7 = LANES_THREE(g6, in5, in1, 0x96);
    LANES(word) g8 = LANES_THREE(g7, in4, in2, 0x39);
    LANES(word) g9 = LANES_THREE(g8, g6, in0, 0x39);
    LANES(word) g10 = LANES_THREE(g7, g6, in2, 0x6f);
    LANES(word) g11 = LANES_THREE(g10, g9, g8, 0xb0);
    LANES(word) g12 = LANES_THREE(in5, g9, g11, 0xac);
    LANES(word) g13 = LANES_THREE(in3, g7, g12, 0xca);
    LANES(word) g14 = LANES_THREE(g13, g10, g9, 0x67);
    LANES(word) g15 = LANES_THREE(g13, in4, in1, 0x1f);
    LANES(word) g16 = LANES_THREE(g15, g14, in3, 0x69);
    LANES(word) g17 = LANES_THREE(in0, g14, g16, 0xca);
    LANES(word) g18 = LANES_THREE(g14, g6, in2, 0xb2);
    LANES(word) g19 = LANES_THREE(g18, g11, g7, 0x35);
    LANES(word) g20 = LANES_THREE(g19, g17, g15, 0xc7);
    LANES(word) g21 = LANES_THREE(in3, g18, g20, 0xca);
    LANES(word) g22 = LANES_THREE(in5, g17, g21, 0xca);
    LANES(word) g23 = LANES_THREE(g16, g9, in5, 0x93);
    LANES(word) g24 = LANES_THREE(g22, g20, g15, 0x87);
    LANES(word) g25 = LANES_THREE(in0, g23, g24, 0xca);
    LANES(word) g26 = LANES_THREE(g14, in3, in2, 0x49);
    LANES(word) g27 = LANES_THREE(g26, g10, g8, 0x96);
    LANES(word) g28 = LANES_THREE(in1, g25, g27, 0xac);
    LANES(word) g29 = LANES_THREE(g20, g14, in0, 0x6d);
    LANES(word) g30 = LANES_THREE(g27, g19, in5, 0x67);
    LANES(word) g31 = LANES_THREE(in1, g29, g30, 0x8a);
    LANES(word) g32 = LANES_THREE(g23, g16, g10, 0x71);
    LANES(word) g33 = LANES_THREE(g28, g22, g18, 0x69);
    LANES(word) g34 = LANES_THREE(in2, g32, g33, 0xac);
    LANES(word) g35 = LANES_THREE(in3, g31, g34, 0xca);
    *to0 ^= g22;
    *to1 ^= g13;
    *to2 ^= g28;
    *to3 ^= g35;
}

/* S6 in 29 gates. */
static inline void LANES(des_box_6)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in4, in2, in1, 0x3a);
    LANES(word) g7 = LANES_THREE(in4, in2, in1, 0x97);
    LANES(word) g8 = LANES_THREE(in0, g6, g7, 0xca);
    LANES(word) g9 = LANES_THREE(g7, g6, in4, 0x19);
    LANES(word) g10 = LANES_THREE(g9, in2, in0, 0x86);
    LANES(word) g11 = LANES_THREE(in5, g8, g10, 0xca);
    LANES(word) g12 = LANES_THREE(in5, in1, in0, 0x6b);
    LANES(word) g13 = LANES_THREE(g12, g11, in4, 0x39);
    LANES(word) g14 = LANES_THREE(in3, g11, g13, 0xac);
    LANES(word) g15 = LANES_THREE(g12, g9, in2, 0x9a);
    LANES(word) g16 = LANES_THREE(g15, g14, g13, 0xb4);
    LANES(word) g17 = LANES_THREE(g14, g9, in2, 0x6c);
    LANES(word) g18 = LANES_THREE(in5, g16, g17, 0xca);
    LANES(word) g19 = LANES_THREE(g17, g10, g8, 0xe6);
    LANES(word) g20 = LANES_THREE(g19, in5, in3, 0x69);
    LANES(word) g21 = LANES_THREE(in4, g18, g20, 0xac);
    LANES(word) g22 = LANES_THREE(g20, g14, in1, 0xe1);
    LANES(word) g23 = LANES_THREE(g21, g7, in5, 0xc6);
    LANES(word) g24 = LANES_THREE(in3, g22, g23, 0xac);
    LANES(word) g25 = LANES_THREE(g14, g12, in3, 0x93);
    LANES(word) g26 = LANES_THREE(g22, g20, g15, 0x92);
    LANES(word) g27 = LANES_THREE(in4, g25, g26, 0xca);
    LANES(word) g28 = LANES_THREE(in0, g24, g27, 0xca);
    LANES(word) g29 = LANES_THREE(g22, g18, g13, 0xda);
    LANES(word) g30 = LANES_THREE(g29, g19, in2, 0x96);
    LANES(word) g31 = LANES_THREE(g20, g9, in1, 0x2d);
    LANES(word) g32 = LANES_THREE(g29, g25, in4, 0x96);
    LANES(word) g33 = LANES_THREE(in3, g31, g32, 0xca);
    LANES(word) g34 = LANES_THREE(in0, g30, g33, 0xac);
    *to0 ^= g21;
    *to1 ^= g28;
    *to2 ^= g14;
    *to3 ^= g34;
}

/* S7 in 28 gates. */
static inline void LANES(des_box_7)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in4, in3, in0, 0x9a);
    LANES(word) g7 = LANES_THREE(g6, in5, in1, 0xd6);
    LANES(word) g8 = LANES_THREE(g6, in4, in3, 0x2d);
    LANES(word) g9 = LANES_THREE(in2, g7, g8, 0xac);
    LANES(word) g10 = LANES_THREE(g8, g7, in2, 0x72);
    LANES(word) g11 = LANES_THREE(g10, g9, in0, 0x2d);
    LANES(word) g12 = LANES_THREE(g8, g6, in2, 0x5b);
    LANES(word) g13 = LANES_THREE(in1, g11, g12, 0xca);
    LANES(word) g14 = LANES_THREE(in5, g9, g13, 0xac);
    LANES(word) g15 = LANES_THREE(in5, in2, in0, 0xe1);
    LANES(word) g16 = LANES_THREE(g15, g13, g8, 0x53);
    LANES(word) g17 = LANES_THREE(g15, g7, in4, 0xa7);
    LANES(word) g18 = LANES_THREE(g16, g11, in4, 0x87);
    LANES(word) g19 = LANES_THREE(in0, g17, g18, 0xac);
    LANES(word) g20 = LANES_THREE(in1, g16, g19, 0xca);
    LANES(word) g21 = LANES_THREE(g15, g12, in1, 0x9c);
    LANES(word) g22 = LANES_THREE(g17, g11, in1, 0xb1);
    LANES(word) g23 = LANES_THREE(in3, g21, g22, 0xac);
    LANES(word) g24 = LANES_THREE(g22, g21, g20, 0x70);
    LANES(word) g25 = LANES_THREE(g24, g19, g8, 0x86);
    LANES(word) g26 = LANES_THREE(in0, g24, g25, 0xac);
    LANES(word) g27 = LANES_THREE(in5, g23, g26, 0xca);
    LANES(word) g28 = LANES_THREE(g26, g13, in0, 0x37);
    LANES(word) g29 = LANES_THREE(g28, g26, g14, 0xc7);
    LANES(word) g30 = LANES_THREE(in3, g28, g29, 0xac);
    LANES(word) g31 = LANES_THREE(g17, g16, in3, 0x91);
    LANES(word) g32 = LANES_THREE(g31, g21, g7, 0x29);
    LANES(word) g33 = LANES_THREE(in1, g30, g32, 0xca);
    *to0 ^= g20;
    *to1 ^= g27;
    *to2 ^= g33;
    *to3 ^= g14;
}

/* S8 in 29 gates. */
static inline void LANES(des_box_8)(LANES(word) in0, LANES(word) in1, LANES(word) in2, LANES(word) in3, LANES(word) in4, LANES(word) in5,
    LANES(word) *to0, LANES(word) *to1, LANES(word) *to2, LANES(word) *to3)
{
    LANES(word) g6 = LANES_THREE(in3, in2, in1, 0xd9);
    LANES(word) g7 = LANES_THREE(g6, in5, in4, 0x96);
    LANES(word) g8 = LANES_THREE(g6, in3, in1, 0x67);
    LANES(word) g9 = LANES_THREE(g8, g7, in2, 0xd2);
    LANES(word) g10 = LANES_THREE(in5, g7, g9, 0xac);
    LANES(word) g11 = LANES_THREE(g9, g7, in2, 0xb4);
    LANES(word) g12 = LANES_THREE(g8, g7, in1, 0x9c);
    LANES(word) g13 = LANES_THREE(in4, g11, g12, 0xca);
    LANES(word) g14 = LANES_THREE(in0, g10, g13, 0xca);
    LANES(word) g15 = LANES_THREE(g13, g12, in0, 0x69);
    LANES(word) g16 = LANES_THREE(g15, g13, g10, 0xac);
    LANES(word) g17 = LANES_THREE(in4, g15, g16, 0xca);
    LANES(word) g18 = LANES_THREE(g16, g14, g9, 0xba);
    LANES(word) g19 = LANES_THREE(g18, g17, in2, 0xa1);
    LANES(word) g20 = LANES_THREE(g18, g16, in1, 0x6c);
    LANES(word) g21 = LANES_THREE(in0, g19, g20, 0xca);
    LANES(word) g22 = LANES_THREE(in5, g17, g21, 0xca);
    LANES(word) g23 = LANES_THREE(g11, g7, in3, 0xd2);
    LANES(word) g24 = LANES_THREE(g23, g15, in0, 0x4b);
    LANES(word) g25 = LANES_THREE(g24, g22, g17, 0xd5);
    LANES(word) g26 = LANES_THREE(g25, g23, g18, 0x95);
    LANES(word) g27 = LANES_THREE(g20, g15, g6, 0x47);
    LANES(word) g28 = LANES_THREE(in1, g26, g27, 0xac);
    LANES(word) g29 = LANES_THREE(in5, g24, g28, 0xca);
    LANES(word) g30 = LANES_THREE(g29, g22, g6, 0x97);
    LANES(word) g31 = LANES_THREE(g30, g14, g8, 0x7c);
    LANES(word) g32 = LANES_THREE(g22, g20, g8, 0x82);
    LANES(word) g33 = LANES_THREE(g32, g15, g13, 0xb6);
    LANES(word) g34 = LANES_THREE(in1, g31, g33, 0xac);
    *to0 ^= g22;
    *to1 ^= g14;
    *to2 ^= g29;
    *to3 ^= g34;
}

/* One round: to ^= P(S(E(from) ^ key)). `c` and `d` are the key's halves, rotated for the round. */
static LANES_APART void LANES(des_round)(const LANES(word) from[32], LANES(word) to[32],
                                         const LANES(word) *c, const LANES(word) *d)
{
    LANES(des_box_1)(from[31] ^ c[13], from[0] ^ c[16], from[1] ^ c[10],
        from[2] ^ c[23], from[3] ^ c[0], from[4] ^ c[4],
        &to[8], &to[16], &to[22], &to[30]);
    LANES(des_box_2)(from[3] ^ c[2], from[4] ^ c[27], from[5] ^ c[14],
        from[6] ^ c[5], from[7] ^ c[20], from[8] ^ c[9],
        &to[12], &to[27], &to[1], &to[17]);
    LANES(des_box_3)(from[7] ^ c[22], from[8] ^ c[18], from[9] ^ c[11],
        from[10] ^ c[3], from[11] ^ c[25], from[12] ^ c[7],
        &to[23], &to[15], &to[29], &to[5]);
    LANES(des_box_4)(from[11] ^ c[15], from[12] ^ c[6], from[13] ^ c[26],
        from[14] ^ c[19], from[15] ^ c[12], from[16] ^ c[1],
        &to[25], &to[19], &to[9], &to[0]);
    LANES(des_box_5)(from[15] ^ d[12], from[16] ^ d[23], from[17] ^ d[2],
        from[18] ^ d[8], from[19] ^ d[18], from[20] ^ d[26],
        &to[7], &to[13], &to[24], &to[2]);
    LANES(des_box_6)(from[19] ^ d[1], from[20] ^ d[11], from[21] ^ d[22],
        from[22] ^ d[16], from[23] ^ d[4], from[24] ^ d[19],
        &to[3], &to[28], &to[10], &to[18]);
    LANES(des_box_7)(from[23] ^ d[15], from[24] ^ d[20], from[25] ^ d[10],
        from[26] ^ d[27], from[27] ^ d[5], from[28] ^ d[24],
        &to[31], &to[11], &to[21], &to[6]);
    LANES(des_box_8)(from[27] ^ d[17], from[28] ^ d[13], from[29] ^ d[21],
        from[30] ^ d[7], from[31] ^ d[0], from[0] ^ d[3],
        &to[4], &to[26], &to[14], &to[20]);
}
