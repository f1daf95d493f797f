MM errors

"Everything that is wrong here is said at once."

{
    page A = 1;
    mm N { v -> A };
    int x;
}

P0 {
    load_cr3(A);
    WRITE_ONE(x, 1);
    smp_mb(1);
    y = 2;
    kfree_rcu(x);
}


exists (0:r7 = 1)
